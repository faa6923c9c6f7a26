"""Controllers: what to move, given an estimate. They propose; supervision decides."""
