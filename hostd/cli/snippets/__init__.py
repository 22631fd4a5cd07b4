"""What is pasted into frameworks and programs so that they use a model of this host: `hostd show MODEL --snippet NAME`."""
