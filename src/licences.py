"""Floor 0. What a model's licence says about commercial use, in a line for people: a first look, no legal advice."""

import re

NOT_COMMERCIAL = "not for commercial use"
OWN_TERMS = "has terms of its own, read them before commercial use"
SHARED = "a model tuned from it falls under it too"
# license_name and LICENSE of apple/DFN2B-CLIP-ViT-B-16 on the hub, until it became apple-amlr in February 2025
SAMPLE_CODE = f"{OWN_TERMS}: use and changes are allowed, patents are not licensed"
# https://ai.meta.com/resources/models-and-libraries/dinov3-license
DINOV3 = f"{OWN_TERMS}: allowed with duties (same licence on what is passed on, no military use); {SHARED}"

# By the word of SPDX or of the hub in lower case; '' where commercial use is fine
LICENCES = {
    "0bsd": "",
    "apache-2.0": "",
    "bsd-2-clause": "",
    "bsd-3-clause": "",
    "bsl-1.0": "",
    "cc-by-3.0": "",
    "cc-by-4.0": "",
    "cc-by-sa-3.0": "",
    "cc-by-sa-4.0": "",
    "cc0-1.0": "",
    "isc": "",
    "mit": "",
    "mit-0": "",
    "unlicense": "",
    "zlib": "",
    "apple-amlr": f"for research only, {NOT_COMMERCIAL}; {SHARED}",  # Apple's Machine Learning Research Model licence
    "fair-noncommercial-research-license": f"for research only, {NOT_COMMERCIAL}; {SHARED}",
    "apple-ascl": SAMPLE_CODE,  # Apple's sample code
    "apple-sample-code-license": SAMPLE_CODE,
    "dinov3": DINOV3,
    "dinov3-license": DINOV3,
    "gemma": OWN_TERMS,
    "openrail": OWN_TERMS,
    "other": OWN_TERMS,
    "terms-of-the-service": "read them before commercial use",  # of an embedding service
    "unknown": "the licence is not known, ask before commercial use",
}


def warning(licence: str) -> str:
    """What stands in the way of commercial use, in a line; '' where nothing does.

    >>> warning("CC-BY-NC-4.0")
    'licence CC-BY-NC-4.0: not for commercial use'
    """
    word = re.sub(r"[\s_]+", "-", licence.strip().lower())
    if re.match(r"cc-by-nc\b", word):  # in any version, also with -sa and -nd
        return f"licence {licence}: {NOT_COMMERCIAL}"
    says = LICENCES.get(word, "not one known here, read it before commercial use")
    return f"licence {licence}: {says}" if says else ""
