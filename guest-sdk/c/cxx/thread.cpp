// A thread of a program in C++. By itself, since what has pthread_create(3) in it gets
// threads.
#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <pthread.h>

namespace {

struct Work {
    void *(*run)(void *);
    void *argument;
};

void *run(void *given) {
    auto work = *std::unique_ptr<Work>(static_cast<Work *>(given));
    try {
        return work.run(work.argument);
    } catch (...) {
        std::terminate();
    }
}

} // namespace

extern "C" int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
extern "C" int __wrap_pthread_create(pthread_t *made, const pthread_attr_t *attributes, void *(*function)(void *), void *argument) {
    std::unique_ptr<Work> work(new (std::nothrow) Work{function, argument});
    if (!work)
        return EAGAIN;
    int error = __real_pthread_create(made, attributes, run, work.get());
    if (!error)
        work.release();
    return error;
}
