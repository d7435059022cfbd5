#ifndef __CAPSOCK_UNISTD_H
#define __CAPSOCK_UNISTD_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <unistd.h>
#undef __wasilibc_unmodified_upstream

#endif
