"""What each function asks AWS and its cluster for while the tests run, held against what it is allowed."""
