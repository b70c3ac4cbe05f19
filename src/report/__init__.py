"""Floor 2. The report: what the page shows (`page`) and which queries are worth showing (`gallery`)."""
