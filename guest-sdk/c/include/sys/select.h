#ifndef __CAPSOCK_SYS_SELECT_H
#define __CAPSOCK_SYS_SELECT_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/select.h>
#undef __wasilibc_unmodified_upstream

#endif
