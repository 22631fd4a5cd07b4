"""MLX: `mlx_lm.server` behind a launcher of hostd's."""
