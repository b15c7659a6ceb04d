"""Province, city, county, township, village; the longest match wins."""
