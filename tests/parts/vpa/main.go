// Command vpa reads streams of samples as JSON and writes what the recommender of the Kubernetes
// VerticalPodAutoscaler makes of each: the vectors that ours is held against.
package main

import (
	"encoding/json"
	"os"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
)

type sample struct {
	AtS    float64  `json:"at_s"`
	Cores  *float64 `json:"cores"`
	Bytes  *float64 `json:"bytes"`
	Killed *float64 `json:"killed"`
}

type bounds struct {
	Target float64 `json:"target"`
	Lower  float64 `json:"lower"`
	Upper  float64 `json:"upper"`
}

type answer struct {
	Cores bounds `json:"cores"`
	Bytes bounds `json:"bytes"`
}

func main() {
	var streams [][]sample
	if err := json.NewDecoder(os.Stdin).Decode(&streams); err != nil {
		panic(err)
	}
	answers := make([]answer, 0, len(streams))
	for _, stream := range streams {
		answers = append(answers, recommend(stream))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

func recommend(stream []sample) answer {
	aggregate := model.NewAggregateContainerState()
	container := model.NewContainerState(model.Resources{}, aggregate)
	for _, s := range stream {
		at := time.Unix(0, int64(s.AtS*1e9)).UTC()
		if s.Cores != nil {
			container.AddSample(&model.ContainerUsageSample{MeasureStart: at, Usage: model.CPUAmountFromCores(*s.Cores), Resource: model.ResourceCPU})
		}
		if s.Bytes != nil {
			container.AddSample(&model.ContainerUsageSample{MeasureStart: at, Usage: model.MemoryAmountFromBytes(*s.Bytes), Resource: model.ResourceMemory})
		}
		if s.Killed != nil {
			if err := container.RecordOOM(at, model.MemoryAmountFromBytes(*s.Killed)); err != nil {
				continue
			}
		}
	}
	recommender := logic.CreatePodResourceRecommender(logic.RecommendationConfig{
		SafetyMarginFraction: 0.15, PodMinCPUMillicores: 25, PodMinMemoryMb: 250,
		TargetCPUPercentile: 0.9, LowerBoundCPUPercentile: 0.5, UpperBoundCPUPercentile: 0.95,
		ConfidenceIntervalCPU: 24 * time.Hour,
		TargetMemoryPercentile: 0.9, LowerBoundMemoryPercentile: 0.5, UpperBoundMemoryPercentile: 0.95,
		ConfidenceIntervalMemory: 24 * time.Hour,
	})
	found := recommender.GetRecommendedPodResources(model.ContainerNameToAggregateStateMap{"app": aggregate})["app"]
	return answer{
		Cores: bounds{cores(found.Target), cores(found.LowerBound), cores(found.UpperBound)},
		Bytes: bounds{bytes(found.Target), bytes(found.LowerBound), bytes(found.UpperBound)},
	}
}

func cores(r model.Resources) float64 { return model.CoresFromCPUAmount(r[model.ResourceCPU]) }
func bytes(r model.Resources) float64 { return model.BytesFromMemoryAmount(r[model.ResourceMemory]) }
