#ifndef __CAPSOCK_TIME_H
#define __CAPSOCK_TIME_H

#include_next <time.h>

#ifdef __cplusplus
extern "C" {
#endif

extern char *tzname[2];
extern long timezone;
extern int daylight;
void tzset(void);
int clock_settime(clockid_t, const struct timespec *);

#ifdef __cplusplus
}
#endif

#endif
