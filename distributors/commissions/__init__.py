"""What a sale earns: rules, frozen commissions, settlement, claw-back."""
