"""The language of a corpus, for what is fitted to all of it."""

from collections import Counter
from itertools import islice

from drama.language.detect import most_likely_language
from drama.records.document import Documents

_SAMPLE = 200


def corpus_language(documents: Documents) -> str:
    """The most frequent language that the documents name, else what is detected in a sample."""
    step = max(1, len(documents) // _SAMPLE)
    sample = list(islice(documents, 0, None, step))
    named = Counter(d.lang for d in sample if d.lang)
    if named:
        return named.most_common(1)[0][0]
    return most_likely_language(d.full_text for d in sample)
