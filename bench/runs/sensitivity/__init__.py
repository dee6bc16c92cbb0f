"""Does the benchmark see what is wrong: erasers with one known fault, and the axes it moves."""
