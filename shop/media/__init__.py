"""Pictures people upload: checked, kept aside, drawn anew in two sizes, and thrown away when nobody wants them."""
