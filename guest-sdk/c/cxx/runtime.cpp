// What an exception that nobody catches does, and when thread_local variables end. A
// link of capsock-c++ puts these functions before those of C: its --wrap names them.
#include <cstdlib>
#include <exception>
#include <new>
#include <pthread.h>

namespace {

struct Ending {
    Ending *before;
    void (*destroy)(void *);
    void *variable;
};

thread_local Ending *last = nullptr;

void end_variables() {
    while (Ending *ending = last) {
        last = ending->before;
        ending->destroy(ending->variable);
        delete ending;
    }
}

// Makes them end with a thread that pthread_exit(3) or pthread_cancel(3) ends, too.
pthread_key_t key() {
    static const pthread_key_t key = [] {
        pthread_key_t made;
        if (pthread_key_create(&made, [](void *) { end_variables(); }))
            std::abort();
        return made;
    }();
    return key;
}

} // namespace

// Of libc in glibc. The one that libc++abi has without it ends those of the first
// thread among the static ones, where they should be first.
extern "C" int __cxa_thread_atexit_impl(void (*destroy)(void *), void *variable, void *) {
    auto ending = new (std::nothrow) Ending{last, destroy, variable};
    if (!ending)
        return -1;
    if (!last && pthread_setspecific(key(), ending)) {
        delete ending;
        return -1;
    }
    last = ending;
    return 0;
}

// WebAssembly looks for who catches only while it unwinds: without this one the
// program would trap, and not say what it threw.
template <class Call> static auto or_terminate(Call call) {
    try {
        return call();
    } catch (...) {
        std::terminate();
    }
}

extern "C" int __real___main_void();
extern "C" int __wrap___main_void() {
    int status = or_terminate(__real___main_void);
    end_variables();
    return status;
}

extern "C" [[noreturn]] void __real_exit(int status);
extern "C" [[noreturn]] void __wrap_exit(int status) {
    end_variables();
    __real_exit(status);
}
