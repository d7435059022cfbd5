/* dlopen(3): a guest has no libraries but those that it is linked with, and no names of
   their functions. */
#include <dlfcn.h>
#include <stdio.h>

#define WEAK __attribute__((weak))

static char error[256];
static int has_error;

static void *fail(const char *what, const char *name) {
    snprintf(error, sizeof error, "%s: %s", name, what);
    has_error = 1;
    return NULL;
}

/* The program itself. */
static char itself;

WEAK void *dlopen(const char *name, int flags) {
    (void)flags;
    return name ? fail("a guest has no shared libraries", name) : &itself;
}
WEAK void *dlsym(void *restrict handle, const char *restrict name) {
    (void)handle;
    return fail("a guest does not know functions by their names", name);
}
WEAK char *dlerror(void) {
    int had = has_error;
    has_error = 0;
    return had ? error : NULL;
}
WEAK int dlclose(void *handle) { (void)handle; return 0; }
