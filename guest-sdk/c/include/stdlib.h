#ifndef __CAPSOCK_STDLIB_H
#define __CAPSOCK_STDLIB_H

#include_next <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

int mkstemp(char *);
int mkostemp(char *, int);
int mkstemps(char *, int);
int mkostemps(char *, int, int);
char *mktemp(char *);
char *mkdtemp(char *);
int system(const char *);
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
char *ptsname(int);
int ptsname_r(int, char *, size_t);

#ifdef __cplusplus
}
#endif

#endif
