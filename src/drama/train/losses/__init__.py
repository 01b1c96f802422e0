"""The contrastive and distillation losses, as pure functions, and the objective they make up."""
