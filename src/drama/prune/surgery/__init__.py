"""From scores to a smaller model: the plan, masks, slicing, and GQA expanded to MHA."""
