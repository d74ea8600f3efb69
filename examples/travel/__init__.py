"""A trip: flight, hotel and car are booked with three partners, then the itinerary is mailed."""
