#ifndef __CAPSOCK_SYS_UN_H
#define __CAPSOCK_SYS_UN_H

#include <capsock/upstream.h>
#include <sys/socket.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/un.h>
#undef __wasilibc_unmodified_upstream

#endif
