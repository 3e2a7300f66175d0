// Takes a TURN user name and password and tries them on a TURN server that knows only the shared secret,
// as coturn does with `use-auth-secret`. Exit code 0: a relay was given, 1: it was refused.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/pion/logging"
	"github.com/pion/turn/v4"
)

const realm = "example.org"

func main() {
	secret := flag.String("secret", "", "what the server shares with the one who makes credentials")
	username := flag.String("username", "", "of the credentials")
	credential := flag.String("credential", "", "of the credentials")
	flag.Parse()
	relay, err := allocate(*secret, *username, *credential)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(relay)
}

func allocate(secret, username, credential string) (net.Addr, error) {
	logs := logging.NewDefaultLoggerFactory()
	listener, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm:       realm,
		AuthHandler: turn.LongTermTURNRESTAuthHandler(secret, logs.NewLogger("turn")),
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn: listener,
			RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
				RelayAddress: net.ParseIP("127.0.0.1"),
				Address:      "127.0.0.1",
			},
		}},
	})
	if err != nil {
		return nil, err
	}
	defer server.Close()

	local, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer local.Close()
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: listener.LocalAddr().String(),
		Conn:           local,
		Username:       username,
		Password:       credential,
		Realm:          realm,
		LoggerFactory:  logs,
	})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		return nil, err
	}
	relay, err := client.Allocate()
	if err != nil {
		return nil, err
	}
	defer relay.Close()
	return relay.LocalAddr(), nil
}
