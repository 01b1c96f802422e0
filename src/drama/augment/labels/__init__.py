"""Rankings of the corpus by the labelling retrievers, and the labels that are cut out of them."""
