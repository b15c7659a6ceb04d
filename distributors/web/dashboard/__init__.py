"""A distributor's desk: joining, picking, sharing, earnings, withdrawals, team, her own store."""
