"""`python -m kilter` is the command `kilter`."""

from kilter.main import main

main()
