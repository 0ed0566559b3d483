package main

// gatehouseInRedis is ours.
func gatehouseInRedis(goals []goal) []redisWay { return nil }
