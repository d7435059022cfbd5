/* A program of C, which knows nothing of capsock:
 *   c-echo client HOST PORT    sends a line, and prints the echo
 *   c-echo server HOST COUNT   echoes so many connections
 *   c-echo datagram HOST PORT  sends a datagram of a socket that was never
 *                              bound, and prints the answer */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *call) {
  printf("%s: %s\n", call, strerror(errno));
  return 1;
}

static struct addrinfo *look_up(const char *host, const char *port, int type) {
  struct addrinfo hints = {.ai_socktype = type}, *found;
  int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) {
    printf("getaddrinfo: %s\n", gai_strerror(error));
    exit(1);
  }
  return found;
}

static int client(struct addrinfo *peer) {
  char buffer[100];
  int s = socket(peer->ai_family, SOCK_STREAM, 0);
  if (connect(s, peer->ai_addr, peer->ai_addrlen) != 0)
    return fail("connect");
  if (send(s, "hello", 5, 0) != 5)
    return fail("send");
  if (shutdown(s, SHUT_WR) != 0)
    return fail("shutdown");
  ssize_t length = recv(s, buffer, sizeof buffer, 0);
  if (length < 0)
    return fail("recv");
  printf("%.*s\n", (int)length, buffer);
  return close(s);
}

static int server(struct addrinfo *local, int count) {
  struct sockaddr_storage name;
  socklen_t name_length = sizeof name;
  int s = socket(local->ai_family, SOCK_STREAM, 0);
  if (bind(s, local->ai_addr, local->ai_addrlen) != 0)
    return fail("bind");
  if (listen(s, 5) != 0)
    return fail("listen");
  if (getsockname(s, (struct sockaddr *)&name, &name_length) != 0)
    return fail("getsockname");
  /* The port is at the same place in both families. */
  printf("port %d\n", ntohs(((struct sockaddr_in *)&name)->sin_port));
  fflush(stdout);
  while (count-- > 0) {
    char buffer[1000];
    ssize_t length;
    int c = accept(s, NULL, NULL);
    if (c < 0)
      return fail("accept");
    while ((length = recv(c, buffer, sizeof buffer, 0)) > 0)
      if (send(c, buffer, (size_t)length, 0) != length)
        return fail("send");
    close(c);
  }
  return close(s);
}

static int datagram(struct addrinfo *peer) {
  char buffer[100];
  int s = socket(peer->ai_family, SOCK_DGRAM, 0);
  if (sendto(s, "hello", 5, 0, peer->ai_addr, peer->ai_addrlen) != 5)
    return fail("sendto");
  ssize_t length = recv(s, buffer, sizeof buffer, 0);
  if (length < 0)
    return fail("recv");
  printf("%.*s\n", (int)length, buffer);
  return close(s);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  if (strcmp(argv[1], "client") == 0)
    return client(look_up(argv[2], argv[3], SOCK_STREAM));
  if (strcmp(argv[1], "server") == 0)
    return server(look_up(argv[2], "0", SOCK_STREAM), atoi(argv[3]));
  if (strcmp(argv[1], "datagram") == 0)
    return datagram(look_up(argv[2], argv[3], SOCK_DGRAM));
  return 2;
}
