"""Programs that hostd starts as processes of their own. The daemon never imports them."""
