"""The shape of a model with random weights: `python benchmarks/studies/random_init.py MODEL OUT SEED`."""

import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

model, out, seed = sys.argv[1:]
torch.manual_seed(int(seed))
AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model)).save_pretrained(out)
AutoTokenizer.from_pretrained(model).save_pretrained(out)
