-- The queues that operators have paused.
CREATE TABLE tasks.paused_queues (queue text COLLATE "C" PRIMARY KEY);
