"""What models of a kind of their own are asked for: to rank texts by a query, and to answer typed questions."""
