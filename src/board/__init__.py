"""Floor 2. The leaderboard: experiments side by side, as a table, as charts and as a page."""
