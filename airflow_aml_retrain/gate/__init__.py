"""The judgement: whether a challenger may take the champion's place, and the reasons in writing."""
