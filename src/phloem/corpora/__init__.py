"""Source trees and packages to Parquet shards of functions."""
