package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/qdrant/go-client/qdrant"
)

func main() {
	ctx := context.Background()
	port, _ := strconv.Atoi(os.Getenv("MINIDB_GRPC_PORT")) // 6334 unless you chose another
	client, err := qdrant.NewClient(&qdrant.Config{
		Host:   "127.0.0.1",
		Port:   port,
		APIKey: os.Getenv("MINIDB_API_KEY"),
		UseTLS: false, // a cluster has TLS
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	err = client.CreateCollection(ctx, &qdrant.CreateCollection{
		CollectionName: "seed",
		SparseVectorsConfig: qdrant.NewSparseVectorsConfig(map[string]*qdrant.SparseVectorParams{
			"my-bm25-vector": {Modifier: qdrant.Modifier_Idf.Enum()},
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Upsert(ctx, &qdrant.UpsertPoints{
		CollectionName: "seed",
		Points: []*qdrant.PointStruct{
			{
				Id: qdrant.NewIDNum(uint64(1)),
				Vectors: qdrant.NewVectorsMap(map[string]*qdrant.Vector{
					"my-bm25-vector": qdrant.NewVectorDocument(&qdrant.Document{
						Model: "qdrant/bm25",
						Text:  "Recipe for baking chocolate chip cookies",
					}),
				}),
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hits, err := client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: "seed",
		Query: qdrant.NewQueryNearest(qdrant.NewVectorInputDocument(&qdrant.Document{
			Model: "qdrant/bm25",
			Text:  "How to bake cookies?",
		})),
		Using: qdrant.PtrOf("my-bm25-vector"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("found", hits[0].GetId().GetNum())
}
