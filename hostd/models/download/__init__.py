"""Downloads into the stores that engines share: resumed, checked, safely named."""
