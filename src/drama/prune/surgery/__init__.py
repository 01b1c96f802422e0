"""From scores to a smaller model: plan, masks, slicing, and GQA expanded to MHA."""
