// A registry for tests: go-containerregistry's, over a folder, with the native referrers API, which `crane registry
// serve` doesn't have, and behind a user name and password where they are given.
package main

import (
	"crypto/subtle"
	"flag"
	"log"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:5000", "where to listen")
	disk := flag.String("disk", "", "the folder that keeps the blobs")
	referrers := flag.Bool("referrers", true, "whether there is a referrers API")
	user := flag.String("user", "", "who may use it; everybody, where empty")
	password := flag.String("password", "", "the user's password")
	flag.Parse()
	blobs := registry.WithBlobHandler(registry.NewDiskBlobHandler(*disk))
	handler := registry.New(registry.WithReferrersSupport(*referrers), blobs)
	if *user != "" {
		handler = guarded(handler, *user+":"+*password)
	}
	log.Fatal(http.ListenAndServe(*address, handler))
}

func guarded(handler http.Handler, wanted string) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		user, password, _ := request.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(wanted)) != 1 {
			writer.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(writer, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(writer, request)
	})
}
