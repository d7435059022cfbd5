/* strerror(3) of the errors that wasi-libc lacks, and as Linux has it where wasi-libc has
   another text. */
#include <errno.h>
#include <string.h>

char *__real_strerror(int number);

static const char *own(int number) {
    switch (number) {
    case 0: return "Success";
    case EADDRINUSE: return "Address already in use";
    case EADDRNOTAVAIL: return "Cannot assign requested address";
    case EBUSY: return "Device or resource busy";
    case ECHILD: return "No child processes";
    case ECONNABORTED: return "Software caused connection abort";
    case EDEADLK: return "Resource deadlock avoided";
    case EDOM: return "Numerical argument out of domain";
    case EDQUOT: return "Disk quota exceeded";
    case EHOSTUNREACH: return "No route to host";
    case EILSEQ: return "Invalid or incomplete multibyte or wide character";
    case EINPROGRESS: return "Operation now in progress";
    case EIO: return "Input/output error";
    case EISCONN: return "Transport endpoint is already connected";
    case ELOOP: return "Too many levels of symbolic links";
    case EMFILE: return "Too many open files";
    case EMSGSIZE: return "Message too long";
    case ENAMETOOLONG: return "File name too long";
    case ENETRESET: return "Network dropped connection on reset";
    case ENETUNREACH: return "Network is unreachable";
    case ENOMEM: return "Cannot allocate memory";
    case ENOTCONN: return "Transport endpoint is not connected";
    case ENOTSOCK: return "Socket operation on non-socket";
    case ENOTSUP: return "Operation not supported";
    case ENOTTY: return "Inappropriate ioctl for device";
    case EOVERFLOW: return "Value too large for defined data type";
    case EOWNERDEAD: return "Owner died";
    case ERANGE: return "Numerical result out of range";
    case ESPIPE: return "Illegal seek";
    case ETIMEDOUT: return "Connection timed out";
    case EXDEV: return "Invalid cross-device link";
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
