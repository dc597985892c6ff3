"""A sentence and a result: the verdict, every reading of the sentence shown."""
