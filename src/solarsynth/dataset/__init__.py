"""The dataset: frames with the class of the flare they follow, split into training and test."""
