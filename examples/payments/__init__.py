"""An order paid by card: a hold that lapses, a refund that costs a fee, a wire that is final."""
