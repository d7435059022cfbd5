#ifndef __CAPSOCK_SYS_TIME_H
#define __CAPSOCK_SYS_TIME_H

#include <capsock/upstream.h>
#include <sys/select.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/time.h>
#undef __wasilibc_unmodified_upstream

#endif
