// Recipes, in Go: the inference examples of Qdrant's page, with minidb's address and models, and what must come of them.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const recipes = "recipes"

func document(text, model string, options map[string]any) *qdrant.Document {
	return &qdrant.Document{Text: text, Model: model, Options: qdrant.NewValueMap(options)}
}

func bm25(text string) *qdrant.Document  { return document(text, "qdrant/bm25", nil) }
func large(text string) *qdrant.Document { return document(text, "minidb/hash-64", nil) }
func small(text string) *qdrant.Document {
	return document(text, "minidb/hash-64", map[string]any{"mrl": 16})
}

func check(step string, ok bool, err error) {
	if err != nil || !ok {
		log.Fatalf("FAILED %s: %v", step, err)
	}
	fmt.Println("ok", step)
}

func refused(step string, err error, code codes.Code, text string) {
	told, _ := status.FromError(err)
	if told.Code() != code || !strings.Contains(told.Message(), text) {
		log.Fatalf("FAILED %s: %v", step, err)
	}
	fmt.Println("ok", step)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port, err := strconv.Atoi(os.Getenv("MINIDB_GRPC_PORT"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := qdrant.NewClient(&qdrant.Config{Host: "127.0.0.1", Port: port, APIKey: os.Getenv("MINIDB_API_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	health, err := client.HealthCheck(ctx)
	check("health", strings.HasPrefix(health.GetVersion(), "1."), err)

	create := &qdrant.CreateCollection{
		CollectionName: recipes,
		VectorsConfig: qdrant.NewVectorsConfigMap(map[string]*qdrant.VectorParams{
			"large": {Size: 64, Distance: qdrant.Distance_Cosine},
			"small": {Size: 16, Distance: qdrant.Distance_Cosine},
		}),
		SparseVectorsConfig: qdrant.NewSparseVectorsConfig(map[string]*qdrant.SparseVectorParams{
			"words": {Modifier: qdrant.Modifier_Idf.Enum()},
		}),
	}
	check("create", true, client.CreateCollection(ctx, create))
	refused("create again", client.CreateCollection(ctx, create), codes.AlreadyExists, "already exists")

	// Text by its words; without Wait, as the example has it: taken, not yet told to be done.
	taken, err := client.Upsert(ctx, &qdrant.UpsertPoints{
		CollectionName: recipes,
		Points: []*qdrant.PointStruct{{
			Id: qdrant.NewIDNum(1),
			Vectors: qdrant.NewVectorsMap(map[string]*qdrant.Vector{
				"words": qdrant.NewVectorDocument(bm25("Recipe for baking chocolate chip cookies")),
			}),
		}},
	})
	check("upsert words", taken.GetStatus() == qdrant.UpdateStatus_Acknowledged, err)

	// Several vectors of one text, one of them cut short, and a payload.
	done, err := client.Upsert(ctx, &qdrant.UpsertPoints{
		CollectionName: recipes,
		Wait:           qdrant.PtrOf(true),
		Points: []*qdrant.PointStruct{
			{
				Id: qdrant.NewIDNum(2),
				Vectors: qdrant.NewVectorsMap(map[string]*qdrant.Vector{
					"large": qdrant.NewVectorDocument(large("Roasting root vegetables")),
					"small": qdrant.NewVectorDocument(small("Roasting root vegetables")),
					"words": qdrant.NewVectorDocument(bm25("Roasting root vegetables")),
				}),
				Payload: qdrant.NewValueMap(map[string]any{"topic": "cooking", "minutes": 40, "kinds": []any{"oven", nil}}),
			},
			{
				Id: qdrant.NewID("6fa459ea-ee8a-3ca4-894e-db77e160355e"),
				Vectors: qdrant.NewVectorsMap(map[string]*qdrant.Vector{
					"large": qdrant.NewVectorDocument(large("Mending a bicycle tube")),
					"small": qdrant.NewVectorDocument(small("Mending a bicycle tube")),
				}),
			},
		},
	})
	check("upsert texts", done.GetStatus() == qdrant.UpdateStatus_Completed, err)

	hits, err := client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: recipes,
		Query:          qdrant.NewQueryNearest(qdrant.NewVectorInputDocument(bm25("How to bake cookies?"))),
		Using:          qdrant.PtrOf("words"),
	})
	check("query words", len(hits) == 1 && hits[0].GetId().GetNum() == 1, err)

	hits, err = client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: recipes,
		Query:          qdrant.NewQueryNearest(qdrant.NewVectorInputDocument(large("roasting vegetables"))),
		Using:          qdrant.PtrOf("large"),
		WithPayload:    qdrant.NewWithPayload(true),
		WithVectors:    qdrant.NewWithVectorsInclude("small"),
		Filter:         &qdrant.Filter{Must: []*qdrant.Condition{qdrant.NewMatch("topic", "cooking")}},
	})
	check("query texts", len(hits) == 1 && hits[0].GetPayload()["minutes"].GetIntegerValue() == 40, err)
	vector := hits[0].GetVectors().GetVectors().GetVectors()["small"].GetDense().GetData()
	check("vectors come back", len(vector) == 16, nil)

	hits, err = client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: recipes,
		Prefetch: []*qdrant.PrefetchQuery{{
			Query: qdrant.NewQueryNearest(qdrant.NewVectorInputDocument(small("a bicycle tube"))),
			Using: qdrant.PtrOf("small"),
			Limit: qdrant.PtrOf(uint64(1000)),
		}},
		Query: qdrant.NewQueryNearest(qdrant.NewVectorInputDocument(large("a bicycle tube"))),
		Using: qdrant.PtrOf("large"),
		Limit: qdrant.PtrOf(uint64(10)),
	})
	check("short vectors first", len(hits) == 2 && hits[0].GetId().GetUuid() != "", err)

	count, err := client.Count(ctx, &qdrant.CountPoints{CollectionName: recipes})
	check("count", count == 3, err)
	page, next, err := client.ScrollAndOffset(ctx, &qdrant.ScrollPoints{CollectionName: recipes, Limit: qdrant.PtrOf(uint32(2))})
	check("scroll", len(page) == 2 && next.GetUuid() != "", err)

	_, err = client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: recipes, Query: qdrant.NewQuery(1, 2), Using: qdrant.PtrOf("large"),
	})
	refused("wrong dimension", err, codes.InvalidArgument, "expected dim: 64, got 2")
	_, err = client.Query(ctx, &qdrant.QueryPoints{CollectionName: "nothing", Query: qdrant.NewQuery(1, 2)})
	refused("unknown collection", err, codes.NotFound, "doesn't exist")
	check("delete", true, client.DeleteCollection(ctx, recipes))
	fmt.Println("OK")
}
