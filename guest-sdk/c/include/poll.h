#ifndef __CAPSOCK_POLL_H
#define __CAPSOCK_POLL_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <poll.h>
#undef __wasilibc_unmodified_upstream

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif

#endif
