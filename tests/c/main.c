/* conformance SUBJECT DIRECTORY: what the functions of sockets do, line by line. */
#include "say.h"
#include <signal.h>

const char *directory;

static void tcp4(void) { tcp(AF_INET); }
static void tcp6(void) { tcp(AF_INET6); }
static void udp4(void) { udp(AF_INET); }
static void udp6(void) { udp(AF_INET6); }

static const struct {
    const char *name;
    void (*run)(void);
} subjects[] = {
    {"text", text},
    {"tcp4", tcp4},
    {"tcp6", tcp6},
    {"errors", errors},
    {"nonblocking", nonblocking},
    {"options", options},
    {"timeouts", timeouts},
    {"udp4", udp4},
    {"udp6", udp6},
    {"messages", messages},
    {"packet-info", packet_info},
    {"unix-stream", unix_stream},
    {"unix-datagram", unix_datagram},
    {"rights", rights},
    {"polling", polling},
    {"selecting", selecting},
    {"epolling", epolling},
    {"events", events},
    {"timers", timers},
    {"pipes", pipes},
    {"duplicates", duplicates},
    {"names", names},
    {"interfaces", interfaces},
    {"files", files},
    {"opening", opening},
    {"directories", directories},
    {"error-texts", error_texts},
    {"streams", streams},
    {"sending-files", sending_files},
    {"memory-files", memory_files},
    {"signals", signals},
    {"jumps", jumps},
    {"nameser", nameser},
    {"clocks", clocks},
    {"processors", processors},
    {"mounts", mounts},
    {"threads", threads},
    {"thread-data", thread_data},
    {"canceling", canceling},
    {"thread-signals", thread_signals},
    {"exiting", exiting},
    {"locks", locks},
    {"conditions", conditions},
    {"semaphores", semaphores},
    {"c11", c11},
    {"waits", waits},
    {"alarms", alarms},
    {"locked-streams", locked_streams},
};

int main(int argc, char **argv) {
    if (argc != 3) {
        for (size_t at = 0; at < sizeof subjects / sizeof *subjects; at++)
            puts(subjects[at].name);
        return 0;
    }
    directory = argv[2];
    signal(SIGPIPE, SIG_IGN);
    /* What whoever started it had open would be a difference. */
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    for (size_t at = 0; at < sizeof subjects / sizeof *subjects; at++) {
        if (strcmp(subjects[at].name, argv[1]) == 0) {
            subjects[at].run();
            return 0;
        }
    }
    fprintf(stderr, "%s: no such subject\n", argv[1]);
    return 2;
}
