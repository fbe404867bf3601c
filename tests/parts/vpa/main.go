// Command vpa plays the samples of the cases that it reads as JSON to the recommender of the
// Kubernetes VerticalPodAutoscaler, and writes what it recommends after each.
package main

import (
	"encoding/json"
	"os"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
)

// Sample is one of: cores in use, bytes in use, or a kill of a container that requested so many bytes.
type Sample struct {
	AtS    int64    `json:"at_s"`
	Cores  *float64 `json:"cores,omitempty"`
	Bytes  *float64 `json:"bytes,omitempty"`
	Killed *float64 `json:"killed,omitempty"`
}

// Range is a target between its bounds, in cores or bytes.
type Range struct {
	Lower  float64 `json:"lower"`
	Target float64 `json:"target"`
	Upper  float64 `json:"upper"`
}

// Case is a named series of samples, and what is recommended after it.
type Case struct {
	Name    string   `json:"name"`
	Samples []Sample `json:"samples,omitempty"`
	Cores   Range    `json:"cores"`
	Bytes   Range    `json:"bytes"`
}

// The defaults of the recommender's flags (config/config.go).
var defaults = logic.RecommendationConfig{
	SafetyMarginFraction: 0.15, PodMinCPUMillicores: 25, PodMinMemoryMb: 250,
	TargetCPUPercentile: 0.9, LowerBoundCPUPercentile: 0.5, UpperBoundCPUPercentile: 0.95,
	ConfidenceIntervalCPU:  24 * time.Hour,
	TargetMemoryPercentile: 0.9, LowerBoundMemoryPercentile: 0.5, UpperBoundMemoryPercentile: 0.95,
	ConfidenceIntervalMemory: 24 * time.Hour,
}

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for i := range cases {
		cases[i].recommend()
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	if err := out.Encode(cases); err != nil {
		panic(err)
	}
}

func (c *Case) recommend() {
	aggregate := model.NewAggregateContainerState()
	container := model.NewContainerState(nil, aggregate)
	for _, s := range c.Samples {
		at := time.Unix(s.AtS, 0).UTC()
		switch {
		case s.Cores != nil:
			container.AddSample(&model.ContainerUsageSample{
				MeasureStart: at, Usage: model.CPUAmountFromCores(*s.Cores), Resource: model.ResourceCPU})
		case s.Bytes != nil:
			container.AddSample(&model.ContainerUsageSample{
				MeasureStart: at, Usage: model.MemoryAmountFromBytes(*s.Bytes), Resource: model.ResourceMemory})
		case s.Killed != nil:
			_ = container.RecordOOM(at, model.MemoryAmountFromBytes(*s.Killed)) // too old: refused
		}
	}
	found := logic.CreatePodResourceRecommender(defaults).GetRecommendedPodResources(
		model.ContainerNameToAggregateStateMap{"c": aggregate})["c"]
	cores := func(r model.Resources) float64 { return model.CoresFromCPUAmount(r[model.ResourceCPU]) }
	bytes := func(r model.Resources) float64 { return model.BytesFromMemoryAmount(r[model.ResourceMemory]) }
	c.Cores = Range{cores(found.LowerBound), cores(found.Target), cores(found.UpperBound)}
	c.Samples = nil // those who asked have them
	c.Bytes = Range{bytes(found.LowerBound), bytes(found.Target), bytes(found.UpperBound)}
}
