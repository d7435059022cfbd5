// conformance SUBJECT DIRECTORY: what C++ has beyond C, line by line.
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <random>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using std::cout;
std::filesystem::path directory;

struct Guard {
    const char *name;
    explicit Guard(const char *name) : name(name) {}
    ~Guard() { cout << "  ~" << name << " uncaught " << std::uncaught_exceptions() << '\n'; }
};

struct Base {
    virtual ~Base() = default;
    virtual std::string name() const { return "base"; }
};
struct Left : virtual Base {
    std::string name() const override { return "left"; }
};
struct Right : virtual Base {};
struct Both : Left, Right {
    std::string name() const override { return "both"; }
};

template <class Thrown> void thrown(const char *what, const Thrown &value) {
    Guard outer("outer");
    try {
        Guard inner("inner");
        throw value;
    } catch (int number) {
        cout << what << ": int " << number << '\n';
    } catch (const char *text) {
        cout << what << ": text " << text << '\n';
    } catch (const Left &left) {
        cout << what << ": left, " << left.name() << '\n';
    } catch (const Base &base) {
        cout << what << ": base, " << base.name() << '\n';
    } catch (const std::exception &error) {
        cout << what << ": exception, " << error.what() << '\n';
    } catch (...) {
        cout << what << ": something\n";
    }
}

int deep(int depth) {
    Guard *guard = nullptr;
    std::unique_ptr<Guard> kept;
    if (depth % 4 == 0)
        kept = std::make_unique<Guard>("deep"), guard = kept.get();
    if (depth == 0)
        throw std::out_of_range("the bottom");
    return deep(depth - 1) + (guard ? 1 : 0);
}

struct Member {
    explicit Member(bool throws) {
        if (throws)
            throw std::runtime_error("a member");
    }
    ~Member() { cout << "  ~Member\n"; }
};
struct Whole {
    Member first, second;
    Whole() try : first(false), second(true) {
    } catch (const std::runtime_error &error) {
        cout << "constructor: " << error.what() << '\n';
    }
};

void tell(const std::exception &error, int level = 0) {
    cout << std::string(level, ' ') << error.what() << '\n';
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception &inner) {
        tell(inner, level + 1);
    }
}

void exceptions() {
    thrown("a number", 7);
    thrown("a text", static_cast<const char *>("seven"));
    thrown("a class of two bases", Both());
    thrown("a class", Right());
    thrown("of the library", std::invalid_argument("not that"));
    thrown("another number", 7.5);
    try {
        deep(10);
    } catch (const std::out_of_range &error) {
        cout << "from deep: " << error.what() << '\n';
    }
    try {
        Whole whole;
    } catch (const std::runtime_error &error) {
        cout << "again: " << error.what() << '\n';
    }
    try {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    } catch (const std::exception &error) {
        tell(error);
    }
    std::exception_ptr kept;
    try {
        std::string("short").at(100);
    } catch (...) {
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::out_of_range &) {
        cout << "kept: out of range\n";
    }
    try {
        try {
            throw Both();
        } catch (Base &base) {
            cout << "first " << base.name() << '\n';
            throw;
        }
    } catch (Right &right) {
        cout << "then " << right.name() << '\n';
    }
    // Through a function of C.
    int numbers[] = {3, 1, 2};
    try {
        std::qsort(numbers, 3, sizeof *numbers, [](const void *, const void *) -> int { throw 5; });
    } catch (int number) {
        cout << "through qsort: " << number << '\n';
    }
    try {
        delete[] new std::string[static_cast<std::size_t>(std::atoi("-1"))];
    } catch (const std::bad_alloc &) {
        cout << "no memory\n";
    }
    Base base;
    Base *pointer = &base;
    cout << "a wrong cast: " << (dynamic_cast<Both *>(pointer) ? "works" : "is null") << '\n';
    try {
        (void)dynamic_cast<Both &>(*pointer);
    } catch (const std::bad_cast &) {
        cout << "a wrong cast of a reference\n";
    }
    try {
        std::function<void()>()();
    } catch (const std::bad_function_call &) {
        cout << "an empty function\n";
    }
    int caught = 0;
    for (int at = 0; at < 100000; at++)
        try {
            if (at % 3 == 0)
                throw at;
        } catch (int) {
            caught++;
        }
    cout << "caught " << caught << '\n';
}

std::jmp_buf place;
[[noreturn]] void leap() { std::longjmp(place, 3); }

void jumping() {
    volatile int count = 0;
    int came = setjmp(place);
    cout << "setjmp gives " << came << '\n';
    if (came == 0) {
        count = count + 1;
        leap();
    }
    try {
        throw count + 1;
    } catch (int number) {
        cout << "and an exception " << number << '\n';
    }
}

[[noreturn]] void fail() { throw std::runtime_error("thrown where nobody catches"); }

void end_by_terminate() {
    std::set_terminate([] {
        try {
            // Of what meets a noexcept, a guest has forgotten what it was.
            if (auto thrown = std::current_exception())
                std::rethrow_exception(thrown);
            cout << "not caught" << std::endl;
        } catch (const std::exception &error) {
            cout << "not caught: " << error.what() << std::endl;
        }
        std::_Exit(0);
    });
}

void uncaught() {
    end_by_terminate();
    fail();
}

void uncaught_in_thread() {
    end_by_terminate();
    std::thread(fail).join();
}

void forbidden() {
    end_by_terminate();
    []() noexcept { fail(); }();
}

struct Local {
    std::string name;
    ~Local() { cout << "  ~Local " << name << '\n'; }
};
thread_local Local local;
thread_local int counter = 40;

void threads() {
    std::mutex mutex;
    std::condition_variable changed;
    int turn = -1;
    std::vector<std::thread> all;
    for (int number = 0; number < 4; number++)
        all.emplace_back([&, number] {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return turn == number; });
            local.name = std::to_string(number);
            counter += number;
            cout << "thread " << number << ", " << counter << '\n';
        });
    // Once the one before has ended, with what is its own.
    for (int number = 0; number < 4; number++) {
        {
            std::unique_lock lock(mutex);
            turn = number;
        }
        changed.notify_all();
        all[number].join();
    }
    local.name = "main";
    cout << "here " << counter << '\n';

    std::promise<int> promise;
    auto answer = promise.get_future();
    std::thread([&promise] { promise.set_value_at_thread_exit(6); }).join();
    cout << "promised " << answer.get() << '\n';
    auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("far away"); });
    try {
        failing.get();
    } catch (const std::runtime_error &error) {
        cout << "from a thread: " << error.what() << '\n';
    }
    auto late = std::async(std::launch::deferred, [] { return 8; });
    cout << "deferred " << late.get() << '\n';

    std::once_flag once;
    int calls = 0;
    try {
        std::call_once(once, [&] { calls++, throw 1; });
    } catch (int) {
        cout << "once, and it failed\n";
    }
    std::vector<std::thread> callers;
    for (int number = 0; number < 3; number++)
        callers.emplace_back([&] { std::call_once(once, [&] { calls++; }); });
    for (auto &caller : callers)
        caller.join();
    cout << "called " << calls << '\n';

    std::atomic<long long> sum = 0;
    std::vector<std::thread> adders;
    for (int number = 0; number < 8; number++)
        adders.emplace_back([&] {
            for (int at = 0; at < 1000; at++)
                sum++, at % 100 == 0 ? std::this_thread::yield() : void();
        });
    for (auto &adder : adders)
        adder.join();
    cout << "sum " << sum << '\n';

    std::atomic<int> flag = 0;
    std::thread waiter([&] {
        flag.wait(0);
        cout << "woken by " << flag << '\n';
    });
    flag = 9;
    flag.notify_one();
    waiter.join();

    std::shared_mutex shared;
    std::shared_lock first(shared), second(shared);
    cout << "a writer " << (std::unique_lock(shared, std::try_to_lock).owns_lock() ? "may" : "may not") << '\n';
    std::timed_mutex timed;
    std::unique_lock held(timed);
    std::thread([&] {
        using namespace std::chrono_literals;
        cout << "in time: " << (timed.try_lock_for(2ms) ? "yes" : "no") << '\n';
    }).join();
    try {
        std::thread().join();
    } catch (const std::system_error &error) {
        cout << "join of none: " << (error.code() == std::errc::invalid_argument) << '\n';
    }
    std::thread([] {
        local.name = "of one that exits";
        pthread_exit(nullptr);
    }).join();
    // One function's variable, made by whoever is there first.
    std::vector<std::thread> makers;
    for (int number = 0; number < 3; number++)
        makers.emplace_back([] {
            static Guard guard = [] {
                std::this_thread::yield();
                cout << "made\n";
                return Guard("static");
            }();
        });
    for (auto &maker : makers)
        maker.join();
}

void library() {
    std::map<std::string, int> words;
    std::istringstream text("one two three two one two");
    for (std::string word; text >> word;)
        words[word]++;
    for (const auto &[word, count] : words)
        cout << word << ' ' << count << '\n';
    cout << std::hex << 255 << std::dec << ' ' << std::fixed << 3.25 << std::defaultfloat << '\n';
    std::mt19937 numbers(5);
    cout << numbers() << ' ' << numbers() << '\n';
    std::random_device device;
    cout << "random " << (device() != device() || device() != device()) << '\n';
    try {
        cout << std::stoi("12x") << '\n';
        cout << std::stoi("x") << '\n';
    } catch (const std::invalid_argument &) {
        cout << "no number\n";
    }
    std::ifstream none(directory / "none");
    cout << "open " << none.is_open() << '\n';
    none.clear();
    none.exceptions(std::ios::failbit);
    try {
        none.open(directory / "none");
    } catch (const std::ios_base::failure &) {
        cout << "a failure of streams\n";
    }
}

void files() {
    namespace fs = std::filesystem;
    std::ofstream(directory / "a") << "text\n";
    fs::create_directories(directory / "x" / "y");
    fs::copy_file(directory / "a", directory / "x" / "b");
    fs::create_symlink("b", directory / "x" / "c");
    std::vector<std::string> found;
    for (const auto &entry : fs::recursive_directory_iterator(directory))
        found.push_back(entry.path().lexically_relative(directory).string() + (entry.is_directory() ? "/" : ""));
    std::sort(found.begin(), found.end());
    for (const auto &name : found)
        cout << name << '\n';
    cout << fs::file_size(directory / "x" / "c") << ' ' << fs::is_symlink(directory / "x" / "c") << '\n';
    fs::rename(directory / "a", directory / "d");
    fs::resize_file(directory / "d", 2);
    cout << fs::exists(directory / "a") << fs::file_size(directory / "d") << '\n';
    try {
        fs::remove(directory / "x");
    } catch (const fs::filesystem_error &error) {
        cout << "not empty: " << (error.code() == std::errc::directory_not_empty) << '\n';
    }
    cout << "removed " << fs::remove_all(directory / "x") << '\n';
    std::error_code code;
    (void)fs::file_size(directory / "none", code);
    cout << code.message() << '\n';
}

// What a connection has taken, as an exception where it fails.
class Socket {
  public:
    explicit Socket(int fd) : fd(fd) {
        if (fd < 0)
            throw std::system_error(errno, std::generic_category(), "socket");
    }
    Socket(Socket &&other) : fd(std::exchange(other.fd, -1)) {}
    ~Socket() {
        if (fd >= 0)
            close(fd);
    }
    int fd;
};

void sockets() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto any = reinterpret_cast<sockaddr *>(&address);
    Socket server(socket(AF_INET, SOCK_STREAM, 0));
    if (bind(server.fd, any, length) || listen(server.fd, 8) || getsockname(server.fd, any, &length))
        throw std::system_error(errno, std::generic_category(), "listen");
    std::thread serving([&server] {
        for (int count = 0; count < 3; count++) {
            Socket peer(accept(server.fd, nullptr, nullptr));
            std::thread([peer = std::move(peer)] {
                char buffer[100];
                ssize_t size = recv(peer.fd, buffer, sizeof buffer, 0);
                std::reverse(buffer, buffer + size);
                send(peer.fd, buffer, size, 0);
            }).detach();
        }
    });
    std::vector<std::future<std::string>> answers;
    for (const char *text : {"one", "two", "three"})
        answers.push_back(std::async(std::launch::async, [&address, text] {
            Socket client(socket(AF_INET, SOCK_STREAM, 0));
            if (connect(client.fd, reinterpret_cast<sockaddr *>(&address), sizeof address))
                throw std::system_error(errno, std::generic_category(), "connect");
            send(client.fd, text, std::strlen(text), 0);
            char buffer[100];
            return std::string(buffer, recv(client.fd, buffer, sizeof buffer, 0));
        }));
    for (auto &answer : answers)
        cout << answer.get() << '\n';
    serving.join();
    try {
        Socket none(socket(999, SOCK_STREAM, 0));
    } catch (const std::system_error &error) {
        cout << error.what() << '\n';
    }
}

const std::map<std::string, void (*)()> subjects = {
    {"exceptions", exceptions}, {"jumping", jumping}, {"uncaught", uncaught}, {"uncaught-in-thread", uncaught_in_thread},
    {"forbidden", forbidden},   {"threads", threads}, {"library", library},   {"files", files},
    {"sockets", sockets},
};

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) {
        for (const auto &[name, run] : subjects)
            cout << name << '\n';
        return 0;
    }
    directory = argv[2];
    subjects.at(argv[1])();
    return 0;
}
