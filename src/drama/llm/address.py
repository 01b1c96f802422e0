"""Names of LLMs in this process: vLLM's `vllm:NAME`, or a model's own."""

VLLM = "vllm:"


def is_vllm(name: str) -> bool:
    """Whether an LLM's name requests vLLM.

    >>> is_vllm("vllm:smollm2-135m"), is_vllm("smollm2-135m")
    (True, False)
    """
    return name.startswith(VLLM)


def model_of(name: str) -> str:
    """The name of the weights.

    >>> model_of("vllm:smollm2-135m"), model_of("smollm2-135m")
    ('smollm2-135m', 'smollm2-135m')
    """
    return name.removeprefix(VLLM)
