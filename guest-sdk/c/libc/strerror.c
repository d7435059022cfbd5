/* strerror(3) of the errors that wasi-libc lacks. */
#include <errno.h>
#include <string.h>

char *__real_strerror(int number);

static const char *own(int number) {
    switch (number) {
    case EHOSTDOWN: return "Host is down";
    case ENODATA: return "No data available";
    case ENOKEY: return "Required key not available";
    case ENONET: return "Machine is not on the network";
    case EPFNOSUPPORT: return "Protocol family not supported";
    case ESHUTDOWN: return "Cannot send after transport endpoint shutdown";
    case ESOCKTNOSUPPORT: return "Socket type not supported";
    case ETOOMANYREFS: return "Too many references: cannot splice";
    case EUSERS: return "Too many users";
    default: return NULL;
    }
}

char *__wrap_strerror(int number) {
    const char *text = own(number);
    return text ? (char *)text : __real_strerror(number);
}

int __wrap_strerror_r(int number, char *room, size_t size) {
    const char *text = __wrap_strerror(number);
    size_t length = strlen(text);
    if (length >= size) {
        if (size) {
            memcpy(room, text, size - 1);
            room[size - 1] = 0;
        }
        return ERANGE;
    }
    memcpy(room, text, length + 1);
    return 0;
}
