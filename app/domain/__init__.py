"""Types that every package uses: states, errors, ids, ports. Standard library only."""
