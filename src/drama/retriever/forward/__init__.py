"""Ways through the backbone: padded, packed, fused."""
